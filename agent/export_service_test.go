package agent

// Tell sends fields to a service manager.
func (s Service) Tell(fields ...string) error { return s.tell(fields...) }
