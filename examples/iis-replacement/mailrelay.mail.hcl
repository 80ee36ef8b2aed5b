# What the SMTP service of IIS did on a server that now runs Windows Server 2025: a
# relay inside an organisation that has no Exchange of its own. Copiers and
# applications hand in mail as before; mail for colleagues goes to Microsoft 365,
# which knows the relay by its certificate; mail for anyone else leaves by MX.

mailrelay {
  required_version = ">= 0.1"
  own_networks     = ["10.0.0.0/8"]
}

variable "copiers" {
  type        = set(string)
  description = "Networks of the copiers and printers."
  default     = ["10.8.0.0/16", "10.9.4.0/24"]

  validation {
    condition     = alltrue([for n in var.copiers : can(cidrhost(n, 0))])
    error_message = "Each network is written like 10.8.0.0/16."
  }
}

domain "tailspin" {
  name    = "tailspintoys.com"
  type    = "internal_relay" # Microsoft 365 knows the mailboxes, this relay does not
  default = true
}
