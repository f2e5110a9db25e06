package main

import (
	"context"
	"sync"
)

// together runs all until ctx ends or one fails, and returns its error.
func together(ctx context.Context, runs ...func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var running sync.WaitGroup
	var once sync.Once
	var first error
	for _, run := range runs {
		running.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				once.Do(func() { first = err })
				cancel()
			}
		})
	}
	running.Wait()
	return first
}

// service is something that runs until it is stopped.
type service struct {
	cancel context.CancelFunc
	ended  chan struct{}
	err    error // once ended is closed
}

// start begins a service. If it fails before it is stopped, fail is told.
func start(run func(context.Context) error, fail func(error)) *service {
	ctx, cancel := context.WithCancel(context.Background())
	s := &service{cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		if s.err = run(ctx); s.err != nil {
			fail(s.err)
		}
	}()
	return s
}

// stop ends the service and returns the error that it ended with.
func (s *service) stop() error {
	s.cancel()
	<-s.ended
	return s.err
}
