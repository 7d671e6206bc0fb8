// Package redistest starts Redis servers for tests, which may empty them, kill them and
// start them again. It must not know what is kept in them.
package redistest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"github.com/stretchr/testify/require"
)

// Server is a server of its own.
type Server struct {
	URL string // redis://…

	program string
	port    string
	options []string
	folder  string
	process *exec.Cmd
}

// Start starts a server that ends with the test. KASSA_TEST_REDIS names the program;
// without it the test is skipped, or fails where CI is true.
func Start(t testing.TB, options ...string) *Server {
	t.Helper()
	program := os.Getenv("KASSA_TEST_REDIS")
	if program == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("KASSA_TEST_REDIS must name a redis-server: scripts/services finds it")
		}
		t.Skip("KASSA_TEST_REDIS names no redis-server")
	}
	s := &Server{program: program, options: options, folder: t.TempDir(), port: freePort(t)}
	s.URL = "redis://127.0.0.1:" + s.port
	s.Restart(t)
	t.Cleanup(s.Kill)
	return s
}

// StartCluster starts a cluster of one node, which has all slots and refuses a script
// whose keys lie in two.
func StartCluster(t testing.TB) *Server {
	t.Helper()
	s := Start(t, "--cluster-enabled", "yes")
	s.do(t, "CLUSTER", "ADDSLOTSRANGE", "0", "16383")
	require.Eventually(t, func() bool {
		info, err := s.ask(t, "CLUSTER", "INFO")
		return err == nil && strings.Contains(info, "cluster_state:ok")
	}, 10*time.Second, 20*time.Millisecond)
	return s
}

func freePort(t testing.TB) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return port
}

// Restart starts the server, which has ended or was not started yet. It keeps nothing.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	args := append([]string{"--port", s.port, "--bind", "127.0.0.1", "--save", "", "--dir", s.folder, "--daemonize", "no"}, s.options...)
	s.process = exec.Command(s.program, args...) //nolint:gosec,noctx // the test's own program, ended by Kill
	require.NoError(t, s.process.Start())
	require.Eventually(t, func() bool { _, err := s.ask(t, "PING"); return err == nil }, 10*time.Second, 20*time.Millisecond)
}

// Kill ends the server as kill -9 does.
func (s *Server) Kill() {
	if s.process != nil {
		_ = s.process.Process.Kill() // it may have ended
		_ = s.process.Wait()         // "killed"
		s.process = nil
	}
}

// Pause stops the server without ending it, as a machine that hangs; Resume goes on.
func (s *Server) Pause(t testing.TB) { s.signal(t, "STOP") }

// Resume ends a Pause.
func (s *Server) Resume(t testing.TB) { s.signal(t, "CONT") }

func (s *Server) signal(t testing.TB, name string) {
	t.Helper()
	kill := exec.CommandContext(context.Background(), "kill", "-"+name, fmt.Sprint(s.process.Process.Pid)) //nolint:gosec // a number
	require.NoError(t, kill.Run())
}

// Flush empties the server: its data and its scripts.
func (s *Server) Flush(t testing.TB) {
	t.Helper()
	s.do(t, "FLUSHALL")
	s.do(t, "SCRIPT", "FLUSH")
}

func (s *Server) do(t testing.TB, words ...string) {
	t.Helper()
	_, err := s.ask(t, words...)
	require.NoError(t, err)
}

// ask talks to this very server: a cluster that is not whole yet has no client.
func (s *Server) ask(t testing.TB, words ...string) (string, error) {
	t.Helper()
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{"127.0.0.1:" + s.port}, ForceSingleClient: true, DisableCache: true, DisableRetry: true,
	})
	if err != nil {
		return "", err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return client.Do(ctx, client.B().Arbitrary(words...).Build()).ToString()
}
