//go:build !linux

package port

// hotplug: other systems are polled.
func hotplug() (<-chan struct{}, func()) { return nil, func() {} }
