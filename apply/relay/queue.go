package relay

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/mailrelay/mailrelay/apply/relay/admin"
	"github.com/mailrelay/mailrelay/apply/relay/deliver"
	"github.com/mailrelay/mailrelay/apply/relay/spool"
)

// queue gives the queue; nil while there is none.
func (n *node) queue() admin.Queue {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.runner == nil {
		return nil
	}
	return queue{n.runner, &n.reader}
}

// queue is what administrators see of the queue and do to it.
type queue struct {
	*deliver.Runner
	reader *reader
}

// Content implements admin.Queue.
func (q queue) Content(id string, header bool) ([]byte, error) { return q.reader.read(id, header) }

// reader reads messages of a spool that may be closed at any time: use waits for
// the one that is being read. Of those that are large there is only one in memory
// at a time until it is sent.
type reader struct {
	mu sync.Mutex
	s  *spool.Spool // nil: none is open
}

func (r *reader) use(s *spool.Spool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.s = s
}

// maxHeader bounds what is shown as the header of a message, in bytes.
const maxHeader = 1 << 20

func (r *reader) read(id string, header bool) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.s == nil {
		return nil, spool.ErrClosed
	}
	body, err := r.s.Body(id)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	if !header {
		text, err := io.ReadAll(body)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", id, err)
		}
		return text, nil
	}
	var out bytes.Buffer
	lines := bufio.NewReader(io.LimitReader(body, maxHeader))
	for {
		line, err := lines.ReadBytes('\n')
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			return out.Bytes(), nil
		}
		out.Write(line)
		if err == io.EOF {
			return out.Bytes(), nil
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", id, err)
		}
	}
}
