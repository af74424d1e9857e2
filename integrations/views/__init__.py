"""Pages and acts of senders, connections and operations. Views decide rights and call services."""
