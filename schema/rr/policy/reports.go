package policy

import "fmt"

// readMTASTS gives what an MTA-STS record means: which edition of the policy stands
// on the web server. Senders fetch the policy again when the id changes (RFC 8461,
// 3.1).
func readMTASTS(text string) ([]Field, error) {
	list, err := tags(text)
	for _, t := range list {
		if t.name == "id" && plain(t.value) {
			return []Field{{Name: "id", Value: t.value}}, err
		}
	}
	return nil, fmt.Errorf("it has no id of 1 to 32 letters and digits, and senders take the domain as one without MTA-STS")
}

func plain(id string) bool {
	for _, c := range []byte(id) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return id != "" && len(id) <= 32
}

// readTLSRPT gives what a record of TLS reporting means: where reports go (RFC
// 8460, 3).
func readTLSRPT(text string) ([]Field, error) {
	list, err := tags(text)
	for _, t := range list {
		if t.name == "rua" && t.value != "" {
			return fields("rua", urls(t.value)), err
		}
	}
	return nil, fmt.Errorf("it has no rua, and nobody sends reports")
}
