//go:build !linux

package bench

import "syscall"

// orphaned ends a server whose benchmark was killed: only Linux can do that.
func orphaned() *syscall.SysProcAttr { return nil }
