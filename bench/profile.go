package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime/pprof"
	"strconv"
	"time"
)

// takeProfile writes a CPU profile of the server to a file. It takes a second less
// than the time, so that it ends within it.
func (u *subject) takeProfile(ctx context.Context, path string, span time.Duration) (err error) {
	file, err := os.Create(path) //nolint:gosec // the caller's own choice
	if err != nil {
		return fmt.Errorf("write the profile: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	span = max(span-time.Second, time.Second)
	if u.pprof != "" {
		return fetchProfile(ctx, u.pprof, span, file)
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return fmt.Errorf("profile this process: %w", err)
	}
	select {
	case <-time.After(span):
	case <-ctx.Done():
	}
	pprof.StopCPUProfile()
	return nil
}

func fetchProfile(ctx context.Context, address string, span time.Duration, into io.Writer) error {
	url := "http://" + address + "/debug/pprof/profile?seconds=" + strconv.Itoa(int(span.Seconds()))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("fetch the server's profile: %w", err)
	}
	defer func() { _ = res.Body.Close() }() // it was read to its end
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("fetch the server's profile: it answered %s", res.Status)
	}
	if _, err := io.Copy(into, res.Body); err != nil {
		return fmt.Errorf("fetch the server's profile: %w", err)
	}
	return nil
}
