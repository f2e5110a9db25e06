package status_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/agent/status"
	"github.com/vitalseal/vitalseal/sdk/mqtt/mqtttest"
)

// TestServeMetrics answers one request, and nobody whom a web page sent here.
func TestServeMetrics(t *testing.T) {
	address := "127.0.0.1:" + mqtttest.FreePort(t)
	report := status.Report{Gateway: "gw-7"}
	m, err := status.ServeMetrics(address, func(context.Context) status.Report { return report }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if got, text := get(t, address, "GET", "/metrics", address); got != http.StatusOK || text != report.Metrics() {
		t.Errorf("status %d: %s", got, text)
	}
	for _, c := range []struct {
		method, path, host string
		want               int
	}{
		{"GET", "/metrics", "localhost:1", http.StatusOK},
		{"GET", "/metrics", "[::1]:9273", http.StatusOK},
		{"GET", "/metrics", "evil.example", http.StatusMisdirectedRequest},
		{"GET", "/metrics", "127.0.0.1.evil.example:80", http.StatusMisdirectedRequest},
		{"GET", "/metrics", "192.0.2.1:9273", http.StatusMisdirectedRequest},
		{"POST", "/metrics", "localhost", http.StatusMethodNotAllowed},
		{"GET", "/", "localhost", http.StatusNotFound},
		{"GET", "/debug/pprof/", "localhost", http.StatusNotFound},
	} {
		if got, body := get(t, address, c.method, c.path, c.host); got != c.want {
			t.Errorf("%s %s for host %q: status %d, want %d: %s", c.method, c.path, c.host, got, c.want, body)
		}
	}
}

// get asks again only when it took so long that it may be hung up on.
func get(t *testing.T, address, method, path, host string) (int, string) {
	t.Helper()
	for {
		asked := time.Now()
		code, text, err := ask(t, address, method, path, host)
		if err == nil {
			return code, text
		}
		if time.Since(asked) < 5*time.Second {
			t.Fatal(err)
		}
	}
}

func ask(t *testing.T, address, method, path, host string) (int, string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

// TestMetricsAddresses: what others can reach is refused, whatever made the Config.
func TestMetricsAddresses(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", "[::]:0", ":0", "192.0.2.1:0", "localhost:0", "gateway.example:0", "127.0.0.1", "[::ffff:192.0.2.1]:0"} {
		if m, err := status.ServeMetrics(address, nil, slog.New(slog.DiscardHandler)); err == nil {
			m.Close()
			t.Errorf("metrics are served on %q", address)
		}
	}
	for _, address := range []string{"127.0.0.1:0", "127.9.9.9:0", "[::ffff:127.0.0.1]:0"} {
		m, err := status.ServeMetrics(address, nil, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Errorf("%q: %v", address, err)
			continue
		}
		m.Close()
	}
}
