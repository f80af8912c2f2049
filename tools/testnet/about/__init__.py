"""The checks themselves, a module for each topic; `catalogue` gathers them."""
