//go:build unix

package dns

import (
	"io/fs"
	"os"
	"syscall"
)

// keepOwner gives f the owner that the file has, as far as this process may.
func keepOwner(f *os.File, was fs.FileInfo) {
	if s, ok := was.Sys().(*syscall.Stat_t); ok {
		_ = f.Chown(int(s.Uid), int(s.Gid)) // only root may; its mode lets others read it
	}
}
