# contoso.com while half of its mailboxes live in Exchange Online: mail comes in
# through the relay, which knows who moved, and devices go on sending through it.

mailrelay {
  required_version = ">= 0.1"
}

variable "devices" {
  type        = map(list(string))
  description = "Networks whose devices may relay to anyone, by kind."
  default = {
    printers = ["10.20.0.0/24", "10.21.4.17"]
    scanners = ["10.22.0.0/25"]
  }
}

locals {
  tenant    = "contoso.mail.onmicrosoft.com"
  mailboxes = csvdecode(file("mailboxes.csv")) # address,home
}
