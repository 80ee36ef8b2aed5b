relay "internal" {
  hostname         = "smtp.tailspintoys.com"
  egress_addresses = ["198.51.100.20"]

  tls {
    certificate = "/etc/mailrelay/smtp.crt"
    key         = secret_file("/etc/mailrelay/smtp.key")
  }

  queue {
    retry_intervals    = ["15m", "30m", "1h", "4h"] # those of IIS
    delay_notification = "12h"
    expiration         = "48h"
    max_hop_count      = 15
  }

  log { # ncsa.log is what the reports of IIS are made from
    directory = "/var/log/mailrelay"
    formats   = ["json", "ncsa"]
    max_age   = "90d"
  }
}

# Copiers may send to colleagues and nowhere else.
receive_connector "copiers" {
  relay             = relay.internal
  bindings          = ["0.0.0.0:25"]
  remote_ip_ranges  = var.copiers
  permission_groups = ["anonymous_users"]

  max_message_size            = "20MiB" # IIS took 2 MiB, and scans were cut off
  max_session_size            = "100MiB"
  max_messages_per_connection = 20
  max_recipients_per_message  = 100

  allowed_sender_domains = [domain.tailspin.name]
}

# Applications that may write to customers too. Each has an owner, and leaves the
# list on its day unless the owner asks for another year.
allowlist "applications" {
  entry "10.1.0.25" {
    owner   = "finance"
    comment = "invoices"
    expires = "2027-06-30"
  }

  entry "10.1.0.40-10.1.0.43" {
    owner       = "logistics"
    comment     = "shipping notes"
    expires     = "2027-12-31"
    require_tls = true
  }
}

receive_connector "applications" {
  relay             = relay.internal
  bindings          = ["0.0.0.0:25"]
  allowlists        = [allowlist.applications]
  permission_groups = ["anonymous_users"]

  permission "anonymous" {
    allow = ["accept_any_recipient"]
  }

  max_message_size            = "10MiB"
  max_messages_per_connection = 20
  max_recipients_per_message  = 100

  allowed_sender_domains = [domain.tailspin.name]
}
