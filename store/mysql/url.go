package mysql

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	driver "github.com/go-sql-driver/mysql"
)

// errURL does not show the URL, which may hold a password.
var errURL = errors.New("mysql: the URL is not one of MySQL: it should be mysql://user:password@host:port/database")

// parseURL turns a URL into what the driver wants to know.
func parseURL(text string) (*driver.Config, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "mysql" && u.Scheme != "mariadb" || u.Opaque != "" {
		return nil, errURL
	}
	config := driver.NewConfig()
	config.User = u.User.Username()
	config.Passwd, _ = u.User.Password()
	config.Net, config.Addr = "tcp", net.JoinHostPort(cmp.Or(u.Hostname(), "127.0.0.1"), cmp.Or(u.Port(), "3306"))
	config.DBName = strings.TrimPrefix(u.Path, "/")
	if config.DBName == "" || strings.Contains(config.DBName, "/") {
		return nil, errURL
	}
	for name, values := range u.Query() {
		if err := setOption(config, name, values[0]); err != nil {
			return nil, err
		}
	}
	return tune(config), nil
}

func setOption(config *driver.Config, name, value string) error {
	switch name {
	case "tls":
		config.TLSConfig = value
	case "socket":
		config.Net, config.Addr = "unix", value
	default:
		return fmt.Errorf("mysql: the URL has an option %q; known are tls (true, skip-verify, preferred) and socket", name)
	}
	return nil
}

// tune sets what the store depends on.
func tune(config *driver.Config) *driver.Config {
	config.Collation = "utf8mb4_bin"
	config.Loc = time.UTC
	config.ParseTime = true
	config.InterpolateParams = true // else each statement is prepared first, and an exchange is one statement
	config.MultiStatements = true
	config.ClientFoundRows = true // an update that changes nothing has found its row all the same
	config.MaxAllowedPacket = 0   // as the server says
	config.Timeout = connectTimeout
	config.ReadTimeout, config.WriteTimeout = callTimeout+connectTimeout, callTimeout+connectTimeout
	config.Logger = &driver.NopLogger{} // errors are returned
	return config
}
