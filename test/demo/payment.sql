-- The bank's payment workflow: three steps, each committed together with its record.
create table receipt (
    workflow text primary key,
    ticket   bigint,
    account  integer,
    amount   numeric,
    at       timestamptz default now()
);
grant select on pgbench_accounts to payments;
grant select, insert on receipt to payments;

create function payment_check(input jsonb) returns jsonb language sql as $$
    select jsonb_build_object('account', aid, 'balance', abalance)
      from public.pgbench_accounts where aid = (input ->> 'account')::integer
$$;

-- The key is the step's own: the same on every attempt and after every crash, so the payment is asked for once.
create function payment_send(input jsonb) returns jsonb language sql as $$
    select to_jsonb(answer) from standin.transaction_submit('core', 'payment', standin.step_key(), input) answer
$$;

create function payment_receipt(input jsonb) returns jsonb language sql as $$
    insert into public.receipt (workflow, ticket, account, amount)
    values (standin.workflow_current(), (input ->> 'ticket')::bigint, (input ->> 'account')::integer,
            (input ->> 'amount')::numeric)
    returning jsonb_build_object('receipt', workflow)
$$;

create procedure payment(input jsonb, inout output jsonb) language plpgsql as $$
declare
    balance jsonb;
    answer  jsonb;
begin
    call standin.step('check', 'public.payment_check', input, balance);
    call standin.step('send', 'public.payment_send', input, answer);
    call standin.step('receipt', 'public.payment_receipt', input || answer, output);
    output := output || answer;
end
$$;

select standin.workflow_define('payment', 'payment(jsonb, jsonb)');
