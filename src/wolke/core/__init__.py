"""The cellar: what every service stands on. No service is named in here."""
