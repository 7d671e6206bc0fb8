package app

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

func parseProxies(list []string) ([]netip.Prefix, error) {
	var proxies []netip.Prefix
	for _, text := range list {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("config: trusted_proxies: %q is no range of addresses such as 10.0.0.0/8", text)
		}
		proxies = append(proxies, prefix)
	}
	return proxies, nil
}

// clientIP finds a buyer's address behind trusted proxies: the last address of
// X-Forwarded-For that no trusted proxy has. What others write there is not
// believed.
func clientIP(proxies []netip.Prefix) func(*http.Request) string {
	trusted := func(text string) bool {
		address, err := netip.ParseAddr(text)
		if err != nil {
			return false
		}
		for _, p := range proxies {
			if p.Contains(address.Unmap()) {
				return true
			}
		}
		return false
	}
	return func(r *http.Request) string {
		address, _, err := net.SplitHostPort(r.RemoteAddr)
		switch {
		case err != nil:
			return r.RemoteAddr
		case len(proxies) == 0: // nobody is trusted
			return address
		}
		hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		for i := len(hops) - 1; i >= 0 && trusted(address); i-- {
			hop := strings.TrimSpace(hops[i])
			if _, err := netip.ParseAddr(hop); err != nil {
				break
			}
			address = hop
		}
		return address
	}
}
