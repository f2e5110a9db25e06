package notify_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/vitalseal/vitalseal/agent/notify"
)

func TestTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var task notify.Task
		now := time.Now()
		if d := task.For(now.Add(time.Hour)); d != 0 {
			t.Errorf("at it for %v before it began", d)
		}
		task.Enter()
		for _, c := range []struct{ after, want time.Duration }{{-time.Second, 1}, {0, 1}, {time.Minute, time.Minute}} {
			if d := task.For(now.Add(c.after)); d != c.want {
				t.Errorf("after %v: at it for %v, want %v", c.after, d, c.want)
			}
		}
		task.Leave()
		if d := task.For(now.Add(time.Hour)); d != 0 {
			t.Errorf("at it for %v after it was done", d)
		}
	})
}
