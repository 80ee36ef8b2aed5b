package deliver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNextHops(t *testing.T) {
	mx := func(pref uint16, host string) *net.MX { return &net.MX{Host: host, Pref: pref} }
	dns := names{
		mx: map[string][]*net.MX{
			"two.test":     {mx(20, "b.test."), mx(10, "a.test.")},
			"null.test":    {mx(0, ".")},
			"proof.test":   {mx(32767, "abc.msv1.invalid."), mx(10, "a.test.")},
			"unborn.test":  {mx(32767, "abc.msv1.invalid.")},
			"ours.test":    {mx(10, "a.test."), mx(20, "Relay.example.org."), mx(20, "b.test."), mx(30, "six.test.")},
			"best.test":    {mx(10, "relay.example.org."), mx(20, "a.test.")},
			"byaddr.test":  {mx(10, "self.test."), mx(20, "a.test.")},
			"backup.test":  {mx(10, "a.test."), mx(20, "self.test."), mx(30, "b.test.")},
			"dangle.test":  {mx(10, "gone.test."), mx(20, "a.test.")},
			"partial.test": {mx(10, "a.test.")},
		},
		ip: map[string][]string{
			"a.test": {"192.0.2.1", "2001:db8::1"}, "b.test": {"192.0.2.2"}, "six.test": {"2001:db8::6"},
			"self.test": {"203.0.113.25"}, "unborn.test": {"192.0.2.7"}, "plain.test": {"192.0.2.8"}, "me.test": {"203.0.113.25"},
		},
		err: map[string]error{
			"MX trouble.test": errors.New("timeout"), "IP trouble.test": errors.New("timeout"),
			"IP sick.test": errors.New("server misbehaving"),
		},
	}
	for _, tt := range []struct {
		domain string
		smart  []string
		want   []string
	}{
		{"two.test", nil, []string{"a.test 192.0.2.1:25", "a.test [2001:db8::1]:25", "b.test 192.0.2.2:25"}},
		{"plain.test", nil, []string{"plain.test 192.0.2.8:25"}},
		{"null.test", nil, []string{"refused 5.1.10"}},
		{"proof.test", nil, []string{"a.test 192.0.2.1:25", "a.test [2001:db8::1]:25"}},
		{"unborn.test", nil, []string{"unborn.test 192.0.2.7:25"}},
		{"x.invalid", nil, []string{"refused 5.1.2"}},
		{"nowhere.test", nil, []string{"refused 5.1.2"}},
		{"trouble.test", nil, []string{"deferred 4.4.3"}},
		{"ours.test", nil, []string{"a.test 192.0.2.1:25", "a.test [2001:db8::1]:25"}},
		{"best.test", nil, []string{"refused 5.4.6"}},
		{"byaddr.test", nil, []string{"refused 5.4.6"}},
		{"backup.test", nil, []string{"a.test 192.0.2.1:25", "a.test [2001:db8::1]:25"}},
		{"me.test", nil, []string{"refused 5.4.6"}},
		{"dangle.test", nil, []string{"deferred 4.4.4", "a.test 192.0.2.1:25", "a.test [2001:db8::1]:25"}},
		{"[192.0.2.1]", nil, []string{"[192.0.2.1] 192.0.2.1:25"}},
		{"[IPv6:2001:db8::9]", nil, []string{"[IPv6:2001:db8::9] [2001:db8::9]:25"}},
		{"any.test", []string{"b.test:587", "192.0.2.3", "192.0.2.4:2525", "2001:db8::5", "[2001:db8::5]:26"}, []string{
			"b.test 192.0.2.2:587", "192.0.2.3 192.0.2.3:25", "192.0.2.4 192.0.2.4:2525", "2001:db8::5 [2001:db8::5]:25", "2001:db8::5 [2001:db8::5]:26",
		}},
		{"any.test", []string{"gone.test", "sick.test", "a.test"}, []string{"deferred 4.4.4", "deferred 4.4.3", "a.test 192.0.2.1:25", "a.test [2001:db8::1]:25"}},
	} {
		f := &finder{dns: dns, self: []string{"relay.example.org"}, own: []netip.Addr{netip.MustParseAddr("203.0.113.25")}}
		s := connector(t, tt.smart...)
		var got []string
		for p, o := range f.route(context.Background(), s, tt.domain) {
			switch {
			case o == nil:
				for _, at := range p.at {
					got = append(got, p.host+" "+at.String())
				}
			case o.kind == refused:
				got = append(got, "refused "+o.status)
			case o.kind == deferred:
				got = append(got, "deferred "+o.status)
			default:
				got = append(got, fmt.Sprint("kind ", o.kind))
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s %v: %s", tt.domain, tt.smart, diff)
		}
	}
}
