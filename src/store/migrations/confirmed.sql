-- When somebody of the practice confirmed that the work had ended, where anybody said so.
ALTER TABLE departure_case ADD COLUMN confirmed TEXT;
