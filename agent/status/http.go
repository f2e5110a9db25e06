package status

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// MetricsServer gives /metrics to whoever is on this machine, until Close.
type MetricsServer struct {
	server http.Server
	ended  chan struct{}
}

// ServeMetrics serves on an address such as "127.0.0.1:9273" what report returns
// when somebody asks. An address that is not loopback is refused: who is at which
// bed when is nobody else's affair.
func ServeMetrics(address string, report func(context.Context) Report, log *slog.Logger) (*MetricsServer, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !at.Addr().Unmap().IsLoopback() {
		return nil, fmt.Errorf("metrics are not served on %q: it is no loopback address with a port", address)
	}
	listener, err := net.Listen("tcp", at.String())
	if err != nil {
		return nil, fmt.Errorf("metrics are not served: %w", err)
	}
	m := &MetricsServer{ended: make(chan struct{}), server: http.Server{
		Handler: metricsHandler(report), ReadTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 8 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}}
	go func() {
		defer close(m.ended)
		if err := m.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("metrics are not served any more", "error", err)
		}
	}()
	return m, nil
}

// Close ends it, and hangs up on who is being answered.
func (m *MetricsServer) Close() {
	m.server.Close()
	<-m.ended
}

// metricsHandler answers GET /metrics and nothing else. A name in Host that is not
// an address of loopback came from a web page that had it resolved to this machine
// (DNS rebinding): a browser may run here too.
func metricsHandler(report func(context.Context) Report) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		if !loopbackHost(r.Host) {
			http.Error(w, "not from there", http.StatusMisdirectedRequest)
			return
		}
		s := report(r.Context())
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = io.WriteString(w, s.Metrics()) // who asked has gone
	})
	return mux
}

func loopbackHost(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	addr, err := netip.ParseAddr(name)
	return name == "localhost" || err == nil && addr.Unmap().IsLoopback()
}
