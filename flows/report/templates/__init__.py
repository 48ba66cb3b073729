"""Jinja2 templates of the report page: autoescaped, strict about undefined names, without scripts."""
