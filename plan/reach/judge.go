package reach

import (
	"fmt"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
)

// change is what becomes of mail, as far as lines tell one from another. The zero
// change is none.
type change struct {
	kind    Kind
	reasons [2]string
	sizes   [2]int64
	secured bool // where it is let through, clients are externally secured
}

// cell is a set of messages with one change, of one crowd.
type cell struct {
	change              change
	senders, recipients int // by number
}

// answers collects what the answers to the messages of a cell were.
type answers struct {
	replies [2]decide.Reply
	differ  [2]bool // they have several codes, and none is shown
}

func (a *answers) add(side int, r decide.Reply) {
	switch old := a.replies[side]; {
	case old.Code == 0:
		a.replies[side] = r
	case old.Code != r.Code || old.Enhanced != r.Enhanced:
		a.differ[side] = true
	}
}

// state of one kind of clients under TLS, or without.
type seat struct {
	clients [2]decide.Client
	lacks   [2]string // why no client can be so; empty: one can
	limits  [2]int64
	secured [2]bool
}

// possible reports whether there is any such client, before or after.
func (s seat) possible() bool { return s.lacks[0] == "" || s.lacks[1] == "" }

func (c *crowd) seat(w who, tls bool) seat {
	var s seat
	for side, d := range c.doors {
		if d.connector == nil {
			s.lacks[side] = "refused"
			continue
		}
		s.clients[side] = w.as(c.clients[side], d.connector, tls)
		s.lacks[side] = words(d.connector.Lacks(s.clients[side]))
		s.limits[side] = d.connector.Limit(s.clients[side])
		s.secured[side] = d.connector.Secured()
	}
	return s
}

func words(l decide.Lack) string {
	switch {
	case l&decide.NoTLS != 0:
		return "TLS was not offered"
	case l&decide.NoLogOn != 0:
		return "nobody could log on"
	case l&decide.LogOnNeedsTLS != 0:
		return "nobody could log on without TLS"
	case l&decide.NoCertificate != 0:
		return "no certificate without TLS"
	}
	return ""
}

// judging asks both policies about a crowd.
type judging struct {
	*comparison
	crowd *crowd
	cells map[cell]*found
	both  bitset // blocks of recipients to whom somebody may send before and after
}

// found is for whom of a crowd a cell holds.
type found struct {
	masks   [2][]bool // by kind of client; without TLS, and with
	answers answers
}

// judge finds the cells of a crowd.
func (c *comparison) judge(cr *crowd) {
	j := &judging{comparison: c, crowd: cr, cells: map[cell]*found{}, both: newBitset(len(c.recipients.blocks))}
	whos, certificates := cr.doors.principals()
	senders, recipients := c.senders.parts(cr.doors), c.recipients.parts(cr.doors)
	var possible [2][]bool
	for tls := range 2 {
		possible[tls] = make([]bool, len(whos))
		for i, w := range whos {
			s := cr.seat(w, tls == 1)
			if possible[tls][i] = s.possible(); possible[tls][i] {
				j.one(s, senders, recipients, func(k cell, a answers) {
					f := j.cells[k]
					if f == nil {
						f = &found{masks: [2][]bool{make([]bool, len(whos)), make([]bool, len(whos))}}
						j.cells[k] = f
					}
					f.masks[tls][i] = true
					for side := range 2 {
						f.answers.add(side, a.replies[side])
						f.answers.differ[side] = f.answers.differ[side] || a.differ[side]
					}
				})
			}
		}
	}
	for k, f := range j.cells {
		j.settle(k, f, whos, certificates, possible)
	}
	for _, s := range cr.spans {
		c.both[s.house].join(j.both)
	}
}

// one asks about one kind of client. Recipients with the same change are put
// together, and then senders with the same recipients.
func (j *judging) one(s seat, senders, recipients []part, note func(cell, answers)) {
	type key struct {
		change     change
		recipients int
	}
	type row struct {
		senders bitset
		answers answers
	}
	rows := map[key]*row{}
	for _, from := range senders {
		type column struct {
			recipients bitset
			answers    answers
		}
		columns := map[change]*column{}
		for _, to := range recipients {
			var replies [2]decide.Reply
			ch, ok := j.change(s, from.one, to.one, &replies)
			if ok {
				j.both.join(to.blocks)
			}
			if ch.kind == "" {
				continue
			}
			col := columns[ch]
			if col == nil {
				col = &column{recipients: newBitset(len(j.recipients.blocks))}
				columns[ch] = col
			}
			col.recipients.join(to.blocks)
			for side := range 2 {
				col.answers.add(side, replies[side])
			}
		}
		for ch, col := range columns {
			k := key{ch, j.sets[1].number(col.recipients)}
			r := rows[k]
			if r == nil {
				r = &row{senders: newBitset(len(j.senders.blocks))}
				rows[k] = r
			}
			r.senders.join(from.blocks)
			for side := range 2 {
				r.answers.add(side, col.answers.replies[side])
				r.answers.differ[side] = r.answers.differ[side] || col.answers.differ[side]
			}
		}
	}
	for k, r := range rows {
		note(cell{k.change, j.sets[0].number(r.senders), k.recipients}, r.answers)
	}
}

// change compares the verdicts on one message; ok: it is let through before and after.
func (j *judging) change(s seat, from, to schema.Mailbox, replies *[2]decide.Reply) (ch change, ok bool) {
	var taken, later [2]bool
	for side, p := range j.policies {
		if s.lacks[side] != "" {
			ch.reasons[side] = s.lacks[side]
			continue
		}
		v := p.Recipient(s.clients[side], from, to)
		replies[side] = v.Reply
		taken[side], later[side] = v.OK(), v.Code/100 == 4
		if !v.OK() {
			ch.reasons[side] = "refused"
		}
		if later[side] {
			ch.reasons[side] = "refused until its ownership is verified" // the only refusal for now
		}
	}
	switch {
	case taken[0] && taken[1]:
		if s.limits[0] == s.limits[1] {
			return change{}, true
		}
		return change{kind: Resized, sizes: s.limits, secured: s.secured[1]}, true
	case taken[1]:
		ch.kind, ch.secured = Widened, s.secured[1]
	case taken[0]:
		ch.kind, ch.secured = Narrowed, s.secured[0]
	case later[0] != later[1]:
		ch.kind, ch.secured = Answered, s.secured[1]
	default:
		return change{}, false
	}
	return ch, false
}

// settle puts the clients of a cell together, and notes a row for each way in which
// they come. Where no client of a kind can be so under TLS, or without, it makes no
// difference what is said of it.
func (j *judging) settle(k cell, f *found, whos []who, certificates []certificate, possible [2][]bool) {
	var all []who
	var masks [2][]bool
	for i, w := range whos {
		if !possible[0][i] && !possible[1][i] {
			continue
		}
		all = append(all, w)
		for tls := range 2 {
			masks[tls] = append(masks[tls], f.masks[tls][i] || !possible[tls][i] && f.masks[1-tls][i])
		}
	}
	for tls, name := range []string{"", "without", "with"} {
		mask := make([]bool, len(all))
		some := false
		for i := range all {
			without, with := masks[0][i], masks[1][i]
			mask[i] = [3]bool{without && with, without && !with, with && !without}[tls]
			some = some || mask[i]
		}
		if some {
			p := label(mask, all, certificates, k.change.secured)
			j.note(rowKey{k, name, fmt.Sprint(p)}, p, j.crowd, f.answers)
		}
	}
}
