package state

import (
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// IsPostgres reports whether an address of a state is one in PostgreSQL.
func IsPostgres(text string) bool {
	return strings.HasPrefix(text, "postgres://") || strings.HasPrefix(text, "postgresql://")
}

// address is where a state in PostgreSQL is.
type address struct {
	config *pgxpool.Config
	schema string
}

// errAddress is all that is said of an address that cannot be read: a part of it
// may be one of its password.
var errAddress = errors.New("the address of the state cannot be read: write postgres://USER@HOST:PORT/DATABASE?sslmode=verify-full, with % codes for the characters : / ? # [ ] @ % and spaces in a name or a password (the password may also come from PGPASSWORD or a password file)")

func parseAddress(text string) (*address, error) {
	u := readable(text)
	if u == nil || !IsPostgres(text) {
		return nil, errAddress
	}
	config, err := pgxpool.ParseConfig(text)
	if err != nil {
		return nil, fmt.Errorf("the address of the state, %s, is not one that PostgreSQL has: %s", Redact(text), reason(err, u))
	}
	a := &address{config: config, schema: "mailrelay"}
	c := config.ConnConfig
	if path := c.RuntimeParams["search_path"]; path != "" {
		if strings.ContainsAny(path, `,"`) {
			return nil, fmt.Errorf("search_path in the address of the state is %q: write the name of the one schema in which the state is", path)
		}
		a.schema = path
	}
	delete(c.RuntimeParams, "search_path") // names are written in full
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "mailrelay"
	}
	if c.ConnectTimeout == 0 || c.ConnectTimeout > time.Minute { // pgx's default is two minutes
		c.ConnectTimeout = 5 * time.Second
	}
	c.DefaultQueryExecMode = pgx.QueryExecModeExec // no statement outlives its use
	return a, nil
}

// readable reads a URL; nil if it is none, or if a part of its password may be taken
// for something else: one whose / ? or # is not coded ends the host too early, and
// an @ is left.
func readable(text string) *url.URL {
	_, rest, _ := strings.Cut(text, "://")
	if at := strings.IndexAny(rest, "/?#"); at >= 0 && strings.ContainsAny(rest[at:], "@#") {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil
	}
	return u
}

// reason is why an address was refused, without the address itself.
func reason(err error, u *url.URL) string {
	text := err.Error()
	if _, after, ok := strings.Cut(text, "`: "); ok {
		text = after
	}
	if secret, ok := u.User.Password(); ok && secret != "" && strings.Contains(text, secret) {
		return "look at its port and its options"
	}
	return text
}

// Redact gives an address of a state without what is secret in it; any other text
// as it is.
func Redact(text string) string {
	if !IsPostgres(text) {
		return text
	}
	u := readable(text)
	if u == nil {
		return "postgres://"
	}
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	q := u.Query()
	for _, name := range []string{"password", "sslpassword"} {
		q.Del(name)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// String names the place for a person: user, host and database.
func (a *address) String() string {
	c := a.config.ConnConfig
	host := c.Host
	if !strings.HasPrefix(host, "/") {
		host = net.JoinHostPort(host, strconv.Itoa(int(c.Port)))
	}
	return fmt.Sprintf("%s@%s/%s", c.User, host, c.Database)
}

func (a *address) quoted() string { return pgx.Identifier{a.schema}.Sanitize() }

// key is the number of the advisory lock of the state.
func (a *address) key() int64 {
	h := fnv.New64a()
	h.Write([]byte("mailrelay state " + a.schema))
	return int64(h.Sum64())
}

// channel is where revisions are announced.
func (a *address) channel() string { return fmt.Sprintf("mailrelay_%016x", uint64(a.key())) }
