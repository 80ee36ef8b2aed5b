package lang

// later says of a block that LANGUAGE knows and this version does not what to do
// instead. It is empty for any other name.
func later(typ string) string {
	switch typ {
	case "stage":
		return "Stages are not in this version: write the values that the stage stands for where they are used, and change them there for the cutover."
	case "service":
		return "Services are not in this version: write the records they need as record blocks, or as expect blocks if somebody else writes them."
	case "probe":
		return "Probes are not in this version: send a test message through the relay by hand."
	case "moved":
		return "Moving an address is not in this version: keep the old name of the block."
	case "check":
		return "Checks of one's own are not in this version: take the block out."
	case "test":
		return "Tests are not in this version, and belong into a file that ends with .mailtest.hcl: take the block out."
	case "allow":
		return "Accepting a finding is not in this version: take the block out, and findings that are warnings stop nothing."
	case "validation":
		return "Validation of variables is not in this version: take the block out, and say in the description what is expected."
	}
	return ""
}

// laterNames are the names that later knows at the top of a file.
func laterNames() []string {
	return []string{"stage", "service", "probe", "moved", "check", "test"}
}
