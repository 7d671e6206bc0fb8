package lint

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// unit asks systemd. Whatever it says is a mistake: it ignores what it does not know, and so would lose a setting.
func unit(ctx context.Context, text []byte) (err error) {
	verify, err := exec.LookPath("systemd-analyze")
	if err != nil {
		return fmt.Errorf("systemd-analyze: %w", ErrNoTool)
	}
	dir, err := os.MkdirTemp("", "kassa-unit-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	// systemd looks for the binary, which is not installed here.
	self, err := os.Executable()
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "kassa.service")
	if err := os.WriteFile(path, bytes.ReplaceAll(text, []byte("/usr/local/bin/kassa"), []byte(self)), 0o600); err != nil {
		return err
	}
	said, err := exec.CommandContext(ctx, verify, "verify", "--man=no", path).CombinedOutput() //nolint:gosec // a tool of the system
	if said = bytes.TrimSpace(said); err == nil && len(said) > 0 {
		err = errors.New("it has something to say")
	}
	if err != nil {
		return fmt.Errorf("systemd-analyze verify: %w: %s", err, said)
	}
	return nil
}
