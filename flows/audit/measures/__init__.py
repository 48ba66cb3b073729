"""What is measured on a network besides attacks."""
