package config

import (
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"
)

type sizeUnit struct {
	name  string
	bytes int64
}

// sizeUnits from the largest; in text, powers of two come first.
var sizeUnits = [...]sizeUnit{
	{"PiB", 1 << 50}, {"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"PB", 1e15}, {"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"KB", 1e3}, {"B", 1},
}

// parseSize reads a whole number and a unit; without a unit it is bytes.
func parseSize(s string) (n int64, ok bool) {
	factor := int64(1)
	for _, u := range sizeUnits {
		if digits, found := strings.CutSuffix(s, u.name); found {
			s, factor = strings.TrimRight(digits, " "), u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/factor {
		return 0, false
	}
	return n * factor, true
}

func sizeText(n int64) string {
	for _, u := range sizeUnits {
		if n >= u.bytes && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10) + "B"
}

// durationText drops the zero parts that Duration.String leaves: "1h0m0s".
func durationText(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// brokerURL checks text and returns "mqtts://host:port". The messages quote the
// parts that are meant to be public only: people put passwords into URLs.
func brokerURL(text string) (clean, hint string, err error) {
	const form = `write "mqtts://HOST:8883"`
	if strings.Contains(text, "@") {
		return "", "the gateway's certificate identifies it: remove what is before the @",
			errors.New("a broker URL holds no user or password")
	}
	u, err := url.Parse(text)
	if err != nil {
		return "", form, errors.New("bad broker URL") // url's error quotes all of it
	}
	switch u.Scheme {
	case "mqtts":
	case "mqtt", "tcp", "ws", "http":
		return "", "readings are sealed, but who talks to whom and when is not: " + form,
			fmt.Errorf("broker scheme %q is plaintext", u.Scheme)
	default:
		return "", form, fmt.Errorf("unknown broker scheme %q", u.Scheme)
	}
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return "", form, errors.New("broker URL has more than a host and a port")
	}
	if u.Hostname() == "" {
		return "", form, errors.New("broker URL has no host")
	}
	number := "8883"
	if u.Port() != "" {
		n, err := strconv.ParseUint(u.Port(), 10, 16)
		if err != nil || n == 0 {
			return "", form, fmt.Errorf("broker port %q is outside 1 to 65535", u.Port())
		}
		number = u.Port()
	}
	host := u.Hostname()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return "mqtts://" + host + ":" + number, "", nil
}
