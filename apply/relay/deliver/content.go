package deliver

import (
	"bytes"
	"io"
	"time"
)

// content sends the message after 354, and reads the answer that counts.
func (c *client) content(t *transaction) error {
	pace := &paced{c: c, end: time.Now().Add(bodyLimit + time.Duration(t.size/bodyPace)*time.Second)}
	c.w.Reset(pace)
	d := &dots{w: c.w}
	if _, err := io.WriteString(d, t.fields); err != nil {
		return c.broken(t, err)
	}
	if err := t.copyTo(d); err != nil {
		return c.broken(t, err)
	}
	if err := d.Close(); err != nil {
		return c.broken(t, err)
	}
	if err := c.w.Flush(); err != nil {
		return c.broken(t, err)
	}
	c.w.Reset(c.nc)
	c.within(finalLimit)
	rep, err := c.answer()
	if err != nil {
		return err
	}
	c.open = false
	c.all(t, judge(misplaced(rep), atData))
	return nil
}

// broken ends a body that could not be sent whole: there is no way back to
// commands. A server that refuses in the middle may have said why.
func (c *client) broken(t *transaction, cause error) error {
	c.w.Reset(c.nc)
	c.within(quitLimit)
	if own, ok := cause.(unreadable); ok {
		c.last = true
		c.all(t, unread(own))
		return nil
	}
	if rep, err := c.read(); err == nil && !rep.positive() {
		c.last = true
		c.all(t, judge(misplaced(rep), atData))
		return nil
	}
	return c.lost(cause)
}

// unreadable is an error of the spool, not of the connection.
type unreadable struct{ error }

// fromSpool tells the errors of a reader from those of a writer.
type fromSpool struct{ io.Reader }

func (f fromSpool) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = unreadable{err}
	}
	return n, err
}

// content opens the message; the caller closes it.
func (t *transaction) content() (io.ReadCloser, error) {
	if t.body != nil {
		return io.NopCloser(bytes.NewReader(t.body)), nil
	}
	return t.open()
}

func (t *transaction) copyTo(d io.Writer) error {
	if t.narrow != nil {
		return t.each(func(r io.Reader) error { return t.narrow.write(d, fromSpool{r}) })
	}
	if t.body != nil {
		_, err := d.Write(t.body)
		return err
	}
	r, err := t.open()
	if err != nil {
		return unreadable{err}
	}
	defer r.Close()
	buf := make([]byte, blockSize)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			if _, err := d.Write(buf[:n]); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return unreadable{err}
		}
	}
}

// paced gives each block of a body its own time, and all of them an end.
type paced struct {
	c   *client
	end time.Time
}

func (p *paced) Write(b []byte) (n int, err error) {
	for err == nil && n < len(b) {
		next := time.Now().Add(blockLimit)
		if next.After(p.end) {
			next = p.end
		}
		p.c.nc.SetDeadline(next)
		var done int
		done, err = p.c.nc.Write(b[n:min(len(b), n+blockSize)])
		n += done
	}
	return n, err
}
