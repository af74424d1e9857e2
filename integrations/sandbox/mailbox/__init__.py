"""Mail servers of the outside world: SMTP to hand mail over, IMAP to read it, and people who answer."""
