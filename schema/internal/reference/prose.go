package main

const introduction = "One directory is one configuration: all `*.mail.hcl` in it are merged, and order never matters. " +
	"A block is written as below, and its address is `type.name`, with `[\"key\"]` behind it under [for_each](#for_each). " +
	"Other blocks refer to it by that address: `zone = zone.contoso`, `relay.edge.hostname`.\n\n" +
	"In the tables, an attribute without a default is left out if it is not written. An order of elements matters in a list, and in a set it does not. " +
	"Whatever is wrong is reported at once, with its place and what to do: `mailrelay validate`."

const around = "## variable, locals, moved, check\n\n" +
	"They mean what they mean in Terraform.\n\n" +
	"```hcl\n" + `variable "devices" {
  type        = map(list(string))
  default     = {}
  description = "Networks whose devices may relay to anyone, by kind."
  nullable    = false

  validation {
    condition     = length(var.devices) > 0
    error_message = "Name one kind of device at least."
  }
}

locals {
  tenant = "contoso.mail.onmicrosoft.com"
}

moved {
  from = relay.old
  to   = relay.edge
}

check "one_address" {
  assert {
    condition     = length(relay.edge.egress_addresses) == 1
    error_message = "The firewall knows one address."
  }
}
` + "```\n\n" +
	"A variable takes its value from the first of these that gives one: `-var` and `-var-file`, the last one given first; `*.auto.mailvars.hcl`, the last name first; " +
	"`mailrelay.mailvars.hcl`; the environment (`MAILRELAY_VAR_name`); its default. There is no `sensitive`: secrets are references, which `secret_file` and `secret_env` give.\n\n" +
	"## allow\n\n" +
	"Every block may say that a finding about it is known and accepted. Reports show the reason.\n\n" +
	"```hcl\nallow \"MR101\" {\n  reason = \"The scanners cannot log on.\"\n}\n```\n\n" +
	"## for_each\n\n" +
	"Every block with a name may have `for_each`, a map or a set of strings, and stands once for each element then. In it `each.key` and `each.value` are the element; " +
	"from outside, one of them is `receive_connector.device[\"printers\"]`.\n\n" +
	"## kinds of values\n\n" +
	"| kind | written like |\n|---|---|\n" +
	"| duration | `\"15m\"`, `\"1h30m\"`, `\"48h\"`, `\"7d\"` |\n" +
	"| size | `\"10MiB\"` (1,048,576 bytes each), `\"2048KB\"` (1,000 each), or bytes |\n" +
	"| TTL | seconds, as a number |\n" +
	"| name | `\"contoso.com\"`; `\"bücher.example\"` is stored as `xn--bcher-kva.example` |\n" +
	"| range | `\"10.20.0.9\"`, `\"10.20.0.0/24\"`, `\"10.20.0.5-10.20.0.9\"`, IPv6 likewise |\n" +
	"| address space | `\"contoso.com\"` that domain alone, `\"*.contoso.com\"` the domain and all below, `\"*\"` everything |\n" +
	"| reference | `zone.contoso`, without quotes |\n" +
	"| secret | `secret_file(\"/run/secrets/key\")`, `secret_env(\"KEY\")`, and nothing else |"
