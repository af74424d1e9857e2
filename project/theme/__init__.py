"""The design system: stylesheet, icons, template tags and the parts that pages are made of."""
