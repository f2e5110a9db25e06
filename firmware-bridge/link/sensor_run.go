package link

// Receive takes bytes that came from the line.
func (s *Sensor) Receive(p []byte, now uint64) {
	for {
		var frame []byte
		if frame, p = s.decoder.Next(p); frame == nil {
			return
		}
		if s.handle(frame, now) {
			s.heard = now
		}
	}
}

// handle takes a frame and reports whether it is one from this sensor's gateway.
func (s *Sensor) handle(frame []byte, now uint64) bool {
	switch Type(frame[0]) {
	case TypeWelcome:
		m, err := ParseWelcome(frame)
		return err == nil && m.Session == s.session && s.welcome(&m, now)
	case TypeAck:
		m, err := ParseAck(frame)
		return err == nil && m.Session == s.session && s.ack(m, now)
	case TypeRefuse:
		m, err := ParseRefuse(frame)
		return err == nil && m.Session == s.session && s.refuse(m.Reason, now)
	case TypeTime:
		m, err := ParseTime(frame)
		return err == nil && s.setTime(&m, now)
	case TypePoll:
		_, err := ParsePoll(frame)
		return err == nil && s.poll(now)
	}
	return false
}

// welcome takes the gateway's answer to a hello. A sensor with a key signs no
// challenge of zeros, and one without key cannot answer another.
func (s *Sensor) welcome(m *Welcome, now uint64) bool {
	if (m.Challenge == [challengeSize]byte{}) != (s.signer == nil) {
		return false
	}
	if s.signer != nil {
		s.challenge(&m.Challenge)
	}
	s.phase, s.proofAt = SensorWelcomed, later(now, s.proofOK)
	s.flight.window, s.flight.maxFrame = m.Window, int(m.MaxFrame)
	return true
}

// challenge keeps a challenge until it is signed. A repeated one is not signed
// again.
func (s *Sensor) challenge(c *[challengeSize]byte) {
	if n := s.messageLen; n > 0 && [challengeSize]byte(s.message[n-challengeSize:n]) == *c {
		return
	}
	s.messageLen = len(AppendProofMessage(s.message[:0], s.kid, s.session, c))
	s.proved = false
}

// ack takes an acknowledgement, the first of which accepts the sensor.
func (s *Sensor) ack(m Ack, now uint64) bool {
	switch {
	case s.phase == SensorWelcomed && (s.proved || s.signer == nil):
		s.phase = SensorAccepted
		s.flight.accepted()
	case s.phase != SensorAccepted:
		return true // left over from before
	}
	s.flight.window = m.Window
	s.flight.ack(m.Next, now)
	return true
}

func (s *Sensor) refuse(r Reason, now uint64) bool {
	s.phase, s.reason, s.helloAt = SensorRefused, r, now+helloRefused
	return true
}

// setTime keeps a time message.
func (s *Sensor) setTime(m *Time, now uint64) bool {
	s.time, s.timeAt, s.timeOK = *m, now, true
	if s.time.Error += TimeLatency; s.time.Error < TimeLatency {
		s.time.Error = NoBound
	}
	return true
}

// poll says hello again: the gateway has no session.
func (s *Sensor) poll(now uint64) bool {
	at := now
	if s.said {
		at = later(now, s.saidAt+helloGap)
	}
	if s.phase == SensorHello {
		at = sooner(at, s.helloAt)
	}
	s.phase, s.helloAt = SensorHello, at
	return true
}

// output is a kind of frame that a sensor sends.
type output byte

const (
	outHello output = iota
	outProof
	outData
	outLog
	outHeartbeat
)

// schedule returns which frame is due next, and when: at once if that is not
// after now.
func (s *Sensor) schedule(now uint64) (output, uint64) {
	lost := s.heard + gatewayLost
	switch s.phase {
	case SensorWelcomed:
		if s.signer != nil && s.proofAt < lost {
			return outProof, s.proofAt
		}
		return outHello, lost
	case SensorAccepted:
		if lost > now {
			return s.scheduleAccepted(now, lost)
		}
		return outHello, lost
	}
	return outHello, s.helloAt
}

// scheduleAccepted takes a log line and data in turns, so that neither keeps the
// other waiting.
func (s *Sensor) scheduleAccepted(now, lost uint64) (output, uint64) {
	data := s.flight.due()
	if s.logLen > 0 && (!s.logLast || data > now) {
		return outLog, 0
	}
	beat := s.sent + heartbeatEvery
	switch {
	case data <= now || data <= beat && data < lost:
		return outData, data
	case beat < lost:
		return outHeartbeat, beat
	}
	return outHello, lost
}

// Next returns when Send will have something if nothing arrives and nothing is
// queued before: now when it has.
func (s *Sensor) Next(now uint64) uint64 {
	_, at := s.schedule(now)
	return later(at, now)
}

// Send appends the next frame that is due, and nothing when none is. Call it
// again when the line has taken the bytes; dst needs WireLen of the longest
// frame, and MaxWire suffices. It calls the Signer when a challenge has come.
func (s *Sensor) Send(dst []byte, now uint64) []byte {
	out, at := s.schedule(now)
	if at > now {
		return dst
	}
	if out == outProof && !s.sign() {
		s.proofAt = now + proofEvery
		return dst
	}
	s.sent, s.logLast = now, out == outLog
	s.encoder.begin(dst)
	s.emit(out, now)
	dst = s.encoder.end()
	s.encoder.dst = nil
	return dst
}

// emit writes a frame to the encoder.
func (s *Sensor) emit(out output, now uint64) {
	switch out {
	case outHello:
		s.emitHello(now)
	case outProof:
		if !s.proved {
			s.heard = now // signing may take its time
		}
		s.proofAt, s.proofOK, s.proved = now+proofEvery, now+proofGap, true
		s.encoder.write(s.proof[:])
	case outData:
		s.flight.send(&s.encoder, s.session, now)
	case outLog:
		s.encoder.write(s.log[:s.logLen])
		s.logLen = 0
	case outHeartbeat:
		_, bad := s.decoder.Counts()
		m := Heartbeat{s.session, now, s.flight.next, s.dropped, uint32(bad)}
		s.encoder.write(m.Append(s.scratch[:0]))
	}
}

func (s *Sensor) emitHello(now uint64) {
	every := uint64(helloEvery)
	if s.phase == SensorRefused {
		every = helloRefused
	} else {
		s.phase = SensorHello
	}
	s.helloAt, s.saidAt, s.said = now+every, now, true
	m := Hello{Version: Version, Capabilities: s.capabilities, MaxFrame: s.maxFrame,
		Session: s.session, Base: s.flight.base, KeyID: s.kid}
	s.encoder.write(append(m.Append(s.scratch[:0]), s.firmware...))
}

// sign makes the proof unless it is there, and reports whether it is.
func (s *Sensor) sign() bool {
	if s.proved {
		return true
	}
	message := s.message[:s.messageLen]
	challenge := message[len(message)-challengeSize:]
	head := appendUint32(append(s.proof[:0], byte(TypeProof)), s.session)
	head = append(head, challenge[:echoSize]...)
	signature, err := s.signer.Sign(head[len(head):], message)
	if err != nil || len(signature) != signatureSize {
		return false
	}
	copy(s.proof[len(head):], signature)
	return true
}
