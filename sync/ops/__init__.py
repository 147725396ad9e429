"""Operations: setup, webhook registration, doctor, history, the whole run, the demo."""
