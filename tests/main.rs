//! End-to-end scenarios: real `ulak` processes on a real broker and database, with the outside world's twins. One
//! scenario a file, named by the sentence that it proves. Run them with `scripts/test -p ulak --test e2e`.

mod harness;

mod the_same_event_three_times_is_one_message;
