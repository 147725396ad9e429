"""Generated worlds that differ only in data which consent forbids to use: every output must be equal, byte for byte."""
