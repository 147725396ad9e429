"""The plan: diff, guardrails, plan file, standing rejections."""
