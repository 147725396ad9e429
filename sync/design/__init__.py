"""The design system: one stylesheet, one set of templates, drawings without a library; see docs/design.md."""
