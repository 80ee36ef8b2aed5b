package journal

import (
	"io"
	"sync"
)

// Writer passes lines on one at a time, so that several logs may share W.
type Writer struct {
	W  io.Writer
	mu sync.Mutex
}

// Write implements io.Writer.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.W.Write(p)
}
