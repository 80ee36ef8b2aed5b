package deliver

import "github.com/mailrelay/mailrelay/apply/relay/spool"

// disk is a spool as a Store.
type disk struct{ *spool.Spool }

// Disk gives s as a Store.
func Disk(s *spool.Spool) Store { return disk{s} }

func (d disk) Put(env spool.Envelope, content []byte) (spool.Envelope, error) {
	draft := d.New()
	defer draft.Abort()
	if _, err := draft.Write(content); err != nil {
		return env, err
	}
	env, _, err := draft.Commit(env)
	return env, err
}
