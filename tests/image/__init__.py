"""The container image is built and run where buildah and runc are."""
