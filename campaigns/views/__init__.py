"""Pages and acts of campaigns and leads. Views decide rights and call services; they write nothing themselves."""
