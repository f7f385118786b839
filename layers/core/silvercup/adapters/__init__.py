"""What stands between the ports and the vendors' SDKs; nothing else imports those."""
