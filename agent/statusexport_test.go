package agent

import (
	"context"
	"log/slog"
	"time"
)

// ListenStatus answers on the socket of a data directory until closed, or until
// killed, which leaves the socket behind.
func ListenStatus(dir string, status func(context.Context) Status) (closed, killed func(), err error) {
	s, err := listenStatus(dir, status)
	if err != nil {
		return nil, nil, err
	}
	return s.close, func() { s.cancel(); s.listener.Close(); s.answers.Wait() }, nil
}

// ListenMetrics serves metrics until closed.
func ListenMetrics(address string, status func(context.Context) Status) (closed func(), err error) {
	m, err := listenMetrics(address, status, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	return m.close, nil
}

// Metrics is what Prometheus is given.
func Metrics(s *Status) string { return metrics(s) }

// Problems is what is not as it should be.
func Problems(s *Status, now time.Time) []Problem { return problems(s, now) }

// Tell sends fields to a service manager.
func (s Service) Tell(fields ...string) error { return s.tell(fields...) }

// Summary is the line for `systemctl status`.
func (s *Status) Summary() string { return s.summary() }
