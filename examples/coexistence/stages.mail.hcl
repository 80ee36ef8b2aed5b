# The road to Exchange Online. A stage is the values that hold while a domain is in
# it; domain.contoso says in which one it is.

stage "coexist" {
  mx = ["10 ${relay.edge.hostname}."]
}

stage "cutover" {
  after    = stage.coexist
  hold     = "48h"                                       # at least this long in the stage before
  requires = [service.microsoft365.contoso, expect.rdns] # gates: they order and block, they carry no value

  mx = ["0 contoso-com.mail.protection.outlook.com."]
}
