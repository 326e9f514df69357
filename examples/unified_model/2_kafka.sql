-- psql -v brokers=host:9092 -v hash_key="$(openssl rand -hex 32)"
CREATE SERVER silos FOREIGN DATA WRAPPER standin_kafka OPTIONS ("bootstrap.servers" :'brokers');
CREATE USER MAPPING FOR standin_owner SERVER silos OPTIONS ("cdc.hash.key" :'hash_key');
