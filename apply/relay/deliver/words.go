package deliver

import "github.com/mailrelay/mailrelay/apply/relay/spool"

// wordsMost bounds the memory of words.
const wordsMost = 4096

// words keeps one copy of strings that many waiting messages share: domains,
// connectors, clients and answers.
type words map[string]string

func (w *words) one(s string) string {
	if known, ok := (*w)[s]; ok {
		return known
	}
	if *w == nil || len(*w) >= wordsMost {
		*w = words{}
	}
	(*w)[s] = s
	return s
}

// compact gives env with shared strings. It changes the recipients in place.
func (w *words) compact(env spool.Envelope) spool.Envelope {
	env.Client, env.LastError = w.one(env.Client), w.one(env.LastError)
	c := &env.Connector
	c.Type, c.Name, c.Key = w.one(c.Type), w.one(c.Name), w.one(c.Key)
	for i := range env.Rcpts {
		env.Rcpts[i].LastError = w.one(env.Rcpts[i].LastError)
		env.Rcpts[i].Site = w.one(env.Rcpts[i].Site)
	}
	return env
}
