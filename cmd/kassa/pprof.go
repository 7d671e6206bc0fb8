package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"
)

// pprofFlag offers Go's profiles of a serving process.
type pprofFlag struct {
	Pprof string `help:"Serve Go's profiles (/debug/pprof/) at this address: a port alone is this machine's own. They show what the process does and must not be reached by strangers." placeholder:"[HOST:]PORT"`
}

// serveProfiles serves the profiles until stop is called, which is never nil.
func (f pprofFlag) serveProfiles(ctx context.Context) (stop func() error, err error) {
	if f.Pprof == "" {
		return func() error { return nil }, nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", profileAddress(f.Pprof))
	if err != nil {
		return func() error { return nil }, fmt.Errorf("--pprof %s: cannot listen there; name a free port of this machine, such as 6060: %w", f.Pprof, err)
	}
	server := &http.Server{Handler: profiles(), ReadHeaderTimeout: 5 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	return func() error {
		err := server.Close()
		if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	}, nil
}

// profileAddress is an address that says no more than a port on this machine's own
// loopback.
func profileAddress(given string) string {
	host, port, found := strings.Cut(given, ":")
	switch {
	case !found:
		return net.JoinHostPort("127.0.0.1", given)
	case host == "":
		return net.JoinHostPort("127.0.0.1", port)
	}
	return given
}

// profiles has the paths that `go tool pprof` asks for.
func profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}
