package app_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// cluster is a PostgreSQL server of a test's own, which it may crash.
type cluster struct {
	t    *testing.T
	bin  string // the folder of its programs
	data string
	port int
	args string // of the server's command line
}

// newCluster makes a server with an empty database "shop".
func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := emptyCluster(t)
	c.run("initdb", "-D", c.data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C")
	c.start()
	c.exec("postgres", "create database shop")
	return c
}

// emptyCluster finds a place and a port for a server.
func emptyCluster(t *testing.T) *cluster {
	t.Helper()
	bin := postgresPrograms(t)
	dir, err := os.MkdirTemp("", "kassa-cluster-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	c := &cluster{t: t, bin: bin, data: filepath.Join(dir, "data"), port: freePort(t)}
	require.NoError(t, os.Mkdir(c.data, 0o700))
	if uid, gid := serverUser(t); uid >= 0 {
		require.NoError(t, os.Chown(c.data, uid, gid))
	}
	c.args = fmt.Sprintf("-p %d -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=on -c synchronous_commit=on", c.port)
	t.Cleanup(func() {
		_ = c.command("pg_ctl", "-D", c.data, "-m", "immediate", "stop").Run() // it may have been killed
		require.NoError(t, os.RemoveAll(dir))
	})
	return c
}

// postgresPrograms is the folder of the newest server's programs: Debian keeps one for
// each version.
func postgresPrograms(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	require.NoError(t, err)
	if path, err := exec.LookPath("initdb"); err == nil && len(found) == 0 {
		found = []string{path}
	}
	if len(found) == 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("PostgreSQL's programs are not here: run the tests by make test")
		}
		t.Skip("PostgreSQL's programs are not here: run the tests by make test")
	}
	slices.Sort(found)
	return filepath.Dir(found[len(found)-1])
}

// serverUser is who runs a server where we are root, as whom it refuses to run.
func serverUser(t *testing.T) (uid, gid int) {
	t.Helper()
	if os.Getuid() != 0 {
		return -1, -1
	}
	who, err := user.Lookup("postgres")
	require.NoError(t, err)
	uid, err = strconv.Atoi(who.Uid)
	require.NoError(t, err)
	gid, err = strconv.Atoi(who.Gid)
	require.NoError(t, err)
	return uid, gid
}

func (c *cluster) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.bin, program), args...)
	cmd.Dir = "/"
	if uid, gid := serverUser(c.t); uid >= 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	}
	return cmd
}

func (c *cluster) run(program string, args ...string) {
	c.t.Helper()
	out, err := c.command(program, args...).CombinedOutput()
	require.NoError(c.t, err, "%s: %s", program, out)
}

func (c *cluster) start() {
	c.t.Helper()
	c.run("pg_ctl", "-D", c.data, "-l", filepath.Join(c.data, "server.log"), "-o", c.args, "-w", "-t", "60", "start")
}

// crash stops the server at once, without a checkpoint, and starts it again.
func (c *cluster) crash() {
	c.t.Helper()
	c.run("pg_ctl", "-D", c.data, "-m", "immediate", "-w", "stop")
	c.start()
}

// kill is kill -9 of the server and of all its processes, as when its machine is lost.
func (c *cluster) kill() {
	c.t.Helper()
	text, err := os.ReadFile(filepath.Join(c.data, "postmaster.pid"))
	require.NoError(c.t, err)
	server := strings.SplitN(string(text), "\n", 2)[0]
	children, err := os.ReadFile(filepath.Join("/proc", server, "task", server, "children"))
	require.NoError(c.t, err)
	for _, text := range append([]string{server}, strings.Fields(string(children))...) {
		pid, err := strconv.Atoi(text)
		require.NoError(c.t, err)
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			require.ErrorIs(c.t, err, syscall.ESRCH)
		}
	}
}

func (c *cluster) connect(database string) *pgx.Conn {
	c.t.Helper()
	conn, err := pgx.Connect(context.Background(), fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", c.port, database))
	require.NoError(c.t, err)
	return conn
}

func (c *cluster) exec(database, sql string) {
	c.t.Helper()
	conn := c.connect(database)
	defer func() { require.NoError(c.t, conn.Close(context.Background())) }()
	_, err := conn.Exec(context.Background(), sql)
	require.NoError(c.t, err)
}

// newStandby makes a server that follows this one, and waits until no commit is
// answered that it does not have.
func (c *cluster) newStandby() *cluster {
	c.t.Helper()
	standby := emptyCluster(c.t)
	standby.run("pg_basebackup", "-D", standby.data, "-h", "127.0.0.1", "-p", strconv.Itoa(c.port), "-U", "postgres", "-R", "-X", "stream", "-c", "fast")
	standby.start()
	// Only now: it waits for every commit, and the standby would have it in its copy.
	c.exec("postgres", "alter system set synchronous_standby_names = '*'")
	c.exec("postgres", "select pg_reload_conf()")
	conn := c.connect("shop")
	defer func() { require.NoError(c.t, conn.Close(context.Background())) }()
	eventually(c.t, bound, "that the standby follows", func() bool {
		var following int
		err := conn.QueryRow(context.Background(), "select count(*) from pg_stat_replication where sync_state = 'sync'").Scan(&following)
		return err == nil && following == 1
	})
	return standby
}

func (c *cluster) promote() {
	c.t.Helper()
	c.run("pg_ctl", "-D", c.data, "-w", "promote")
}

// shopURL names the database "shop" on these servers: the one that can be written.
func shopURL(clusters ...*cluster) string {
	hosts := make([]string, len(clusters))
	for i, c := range clusters {
		hosts[i] = fmt.Sprintf("127.0.0.1:%d", c.port)
	}
	return fmt.Sprintf("postgres://postgres@%s/shop?sslmode=disable&target_session_attrs=read-write", strings.Join(hosts, ","))
}
