package agent

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/vitalseal/vitalseal/agent/config"
	"github.com/vitalseal/vitalseal/agent/notify"
	"github.com/vitalseal/vitalseal/agent/status"
	"github.com/vitalseal/vitalseal/sdk"
)

// health is what tells others how the agent is: on a socket, as metrics, and to the
// service manager. What of it cannot be had is logged and is no reason to stop:
// readings are.
type health struct {
	all      *gathering
	progress *progress
	service  notify.Service
	log      *slog.Logger

	socket  *status.Socket        // nil: it could not be made
	metrics *status.MetricsServer // nil: not configured, or it could not be made
	cancel  context.CancelFunc
	rounds  sync.WaitGroup
}

// watchHealth makes what will tell, for sensors that are not served yet.
func watchHealth(conf *config.Config, pipeline *sdk.Pipeline, opts *Options) *health {
	all := &gathering{conf: conf, pipeline: pipeline, version: opts.Version, started: time.Now()}
	for _, s := range conf.Sensors {
		all.sensors = append(all.sensors, watchSensor(s))
	}
	p := watchProgress(opts.Service, all, pipeline.Sync, opts.Logger)
	all.stuck = p.stuck
	return &health{all: all, progress: p, service: opts.Service, log: opts.Logger}
}

// start begins to tell. The service manager is told that the agent is ready.
func (h *health) start() {
	var err error
	if h.socket, err = status.Listen(dataDir(h.all.conf), h.all.report); err != nil {
		h.log.Error("vitalseal status will not find this agent", "error", err)
	}
	if address := h.all.conf.Status.Listen; address != "" {
		if h.metrics, err = status.ServeMetrics(address, h.all.report, h.log); err != nil {
			h.log.Error("there are no metrics", "error", err)
		}
	}
	h.tell("READY=1")
	ctx, cancel := context.WithCancel(context.Background())
	h.cancel = cancel
	h.rounds.Go(func() { h.progress.watchdog.Run(ctx) })
}

// stop tells the manager that the agent ends, and nobody anything from then on.
func (h *health) stop() {
	h.tell("STOPPING=1", "STATUS=sends what is left")
	h.cancel()
	h.rounds.Wait()
	if h.metrics != nil {
		h.metrics.Close()
	}
	if h.socket != nil {
		h.socket.Close()
	}
}

func (h *health) tell(fields ...string) {
	if err := h.service.Tell(fields...); err != nil {
		h.log.Warn("the service manager is not told", "error", err)
	}
}
